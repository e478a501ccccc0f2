"""Training set sampled from several formula sources by a YAML file of proportions."""
