"""What the commands write: rounds and tables, private or fit to publish, each as the name says."""
