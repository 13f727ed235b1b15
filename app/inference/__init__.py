"""Classification over llama.cpp: texts and a model file in, a probability for each class out."""
