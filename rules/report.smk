"""The report of a run."""


rule report:
    input:
        record=current("report"),
        metrics=metrics_of_report,
        tables=tables_of_report,
        figures=figures_of_report,
        others=files_of_report,
    output:
        report="results/report/index.html",
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
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " report"
        " --config {params.config:q} --output {output.report:q}"
