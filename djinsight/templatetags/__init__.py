"""Template tags of djinsight."""
