"""A module with weights in 8 bits, for onnxruntime on a CPU: written, and read without torch."""
