def check_reach(model, faults):
    return None
