"""Documents ⇄ domain, both ways, pure: the words of the wire end here. One file per resource."""
