"""What is learnt: networks, their training, calibration, artefact and judgement. torch learns here, and serves nothing."""
