"""hafw: two-machine high availability that moves a virtual IP and the resources behind it."""

__version__ = "0.1.0"
