"""What is learnt: networks, training, calibration, artefacts, judgement. torch learns here, and serves nothing."""
