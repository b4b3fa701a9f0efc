# A function of one record. What it returns is the output; None or False drops the record.
def script(record):
    if record["orders"] == 0:
        return None
    return {"name": record["name"], "city": record["city"].upper(), "mean": record["total"] / record["orders"]}
