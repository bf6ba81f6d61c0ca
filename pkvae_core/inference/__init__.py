"""What do we believe about this patient: the encoder proposes, the decoder decides."""
