"""What a fit returns: `FitResult`, its tables, files and the service's JSON."""
