"""What touches Kafka: the inference agent of one partition, its transaction, the changelog, the model registry, the worker."""
