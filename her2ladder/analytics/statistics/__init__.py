"""Statistical kernels: numpy arrays in, small frozen results out; each is held against R or another independent answer."""
