"""The parts that screens are made of. A widget knows values and messages, never the backend."""
