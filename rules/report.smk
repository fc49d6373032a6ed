"""The report of a run."""


rule report:
    input:
        metrics=expand(
            "results/evaluations/{evaluation}/metrics.json", evaluation=WRITTEN.evaluations
        ),
        tables=expand("results/tables/{table}.md", table=CONFIG.tables),
        figures=expand("results/figures/{figure}.png", figure=CONFIG.figures),
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
        config=report_config,
        code=code_version("motionfit.report"),
    shell:
        "python -m motionfit --log {log:q} report"
        " --config {params.config:q} --output {output.report:q}"
