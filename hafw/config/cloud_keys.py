"""How a cluster file says where something is in a cloud, whatever it is.

One rule: a thing that VIPs, disks and fences all need is named alike in all of them.
"""

from __future__ import annotations

from typing import Final

from hafw.config.options import Key, Shape

EC2: Final = {
    "region": Key(pattern=r"[a-z]{2}(-[a-z]+)+-\d", example="eu-central-1", optional=True),
    "endpoint_url": Key(
        pattern=r"https?://\S{1,56}", example="https://ec2.acme.test", optional=True
    ),
}
NAME: Final = r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"
GCE: Final = {
    "project": Key(pattern=r"[a-z][-a-z0-9.:]{4,62}[a-z0-9]", example="my-project"),
    "zone": Key(shape=Shape.EACH, pattern=r"[a-z]+-[a-z]+\d+-[a-z]", example="europe-west1-b"),
    "instance": Key(own=True, shape=Shape.EACH, pattern=NAME, example="store-alpha"),
    "endpoint": Key(
        pattern=r"https?://\S{1,56}", example="https://compute.acme.test", optional=True
    ),
}
RESOURCE: Final = r"[A-Za-z0-9_][-\w.]{0,79}"
ARM: Final = {
    "subscription": Key(
        pattern=r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        example="0b1f6471-1bf0-4dda-aec3-111122223333",
    ),
    "resource_group": Key(pattern=r"[-\w.()]{1,90}", example="store"),
    "vm": Key(own=True, shape=Shape.EACH, pattern=RESOURCE, example="store-alpha"),
    "endpoint": Key(
        pattern=r"https?://\S{1,56}", example="https://management.chinacloudapi.cn", optional=True
    ),
}
