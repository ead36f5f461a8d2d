"""What authors of plugins test them with: subclass a conformance class, and give it a fixture.

One rule: nothing here is needed to run hafw; it needs pytest.
"""
