"""Big tables in parts, and the content-addressed cache of their results."""
