"""Who is asking and what they may see: tokens, keys, sign-in, sessions, rights, rate limits."""
