"""Fits of models to data: preparation, likelihoods, priors, optimum, and many sources."""
