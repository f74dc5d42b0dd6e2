"""How programs prove themselves to a broker and a schema registry: settings of the environment."""
