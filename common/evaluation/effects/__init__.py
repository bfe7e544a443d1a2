"""What an action caused, from logged decisions and a graph of what causes what."""
