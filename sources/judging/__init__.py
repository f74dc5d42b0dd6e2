"""The DSP's judgement of re-sends, by what the other sources publish."""
