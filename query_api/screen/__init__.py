"""The SSI screen: one router for each thing that a person does there."""
