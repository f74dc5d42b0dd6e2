"""One router a resource; each is a function of the services it needs."""
