include: "rules/snakemake.smk"
include: "rules/records.smk"
include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/flow.smk"
include: "rules/motion_model.smk"
include: "rules/pseudo_labels.smk"
include: "rules/appearance_model.smk"
include: "rules/evaluation.smk"
include: "rules/report.smk"
include: "rules/tables.smk"


rule all:
    default_target: True
    input:
        "results/report/index.html",
