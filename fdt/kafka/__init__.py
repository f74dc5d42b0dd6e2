"""What commands ask of Kafka's topics and groups, and what they write to them."""
