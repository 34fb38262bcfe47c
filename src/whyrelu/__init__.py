"""A reproducible laboratory for one question: why is ReLU so prevalent, and not the sigmoid?"""
