"""What touches Kafka: the inference agent of one partition, its transaction, changelog, model registry, worker."""
