def check_fit(d):
    return None
