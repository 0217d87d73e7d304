## tabular

