"""The window. No SQL, no torch, no llama.cpp: those are the study's, training's and inference's."""
