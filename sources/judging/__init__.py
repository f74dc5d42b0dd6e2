"""The simulated DSP's check of re-sends, by what the other sources publish."""
