"""Models without weights: what a customer's counts alone say of the future. Fallback, members of blends, contenders."""
