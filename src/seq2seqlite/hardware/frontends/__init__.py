"""Front ends of cameras and photon counters: what they deliver becomes packets of counts, pixel by pixel."""
