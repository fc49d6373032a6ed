def write_report(config, results, output):
    output.write_text("stub")
