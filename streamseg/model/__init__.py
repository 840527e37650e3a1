"""What is learnt: the network, its training, calibration, artefact and judgement. The only place that imports torch."""
