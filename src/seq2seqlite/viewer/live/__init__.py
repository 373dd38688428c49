"""Page of a running stream."""
