"""The contract with publishers and readers: samples judged, documents made from the code."""
