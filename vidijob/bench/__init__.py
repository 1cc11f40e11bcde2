"""Figures of this program on this machine, each as a ratio of two things that were done by turns. It knows what the engine
asks of the store, and changes nothing but what it says.
"""
