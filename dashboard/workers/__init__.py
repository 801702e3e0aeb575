"""The page of workers, queues, and the services they need."""
