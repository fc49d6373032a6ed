"""Writes the report of a run."""


rule report:
    input:
        record=current("report"),
        metrics=reads("report", "metrics"),
        tables=reads("report", "tables"),
        figures=reads("report", "figures"),
        others=reads("report", "others"),
        clips=reads("report", "clips"),
    output:
        report=report(
            "results/report/index.html",
            caption="captions/report.rst",
            category="Report",
        ),
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("report").threads
    resources:
        mem_mb=growing("report", "mem_mb"),
        runtime=growing("report", "runtime"),
    params:
        config=config_of_report,
        made_from=made_from("report"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " report"
        " --config {params.config:q}"
        " --output {output.report:q}"
