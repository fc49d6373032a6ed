"""The config: what `config.yaml` may say, and the only place that knows the defaults.

Each artefact is described by a recipe, an immutable pydantic model that travels to its stage as
JSON. Defaults are the paper's where it gives one; docs/paper.md lists the exceptions.

In the order in which the modules import each other:

- `recipe`, `values`, `references`: the base class, field types, and fields that name other recipes;
- `defaults`: recipes laid over what they share;
- `backbones`: what a config has to know of networks;
- `data_sets`, `flow`, `training`, `models`, `evaluation`, `tables`, `resources`: the recipes;
- `artefacts`: all recipes of a run, and questions about several of them;
- `table_checks`, `checks`: which recipes fit together;
- `whole`: the class Config, `artefacts` with defaults and checks;
- `loading`: reading configs and recipes, and messages for their mistakes.
"""

from motionfit.config.backbones import BACKBONES
from motionfit.config.data_sets import (
    ALL_LABELS,
    Dataset,
    DatasetRecipe,
    Demo,
    Folders,
    Hmdb51,
    Kinetics,
    LabelledPart,
    Ucf101,
)
from motionfit.config.evaluation import Evaluation
from motionfit.config.flow import Flow, FlowMethod
from motionfit.config.loading import check_paths, load_config, over_base, parse_recipe
from motionfit.config.models import (
    TEACHING,
    AppearanceModel,
    Features,
    Mers,
    MotionModel,
    Network,
    PseudoLabels,
    Teaching,
)
from motionfit.config.recipe import Recipe
from motionfit.config.references import named_sections
from motionfit.config.resources import Resources, StageResources, TrainingResources
from motionfit.config.tables import RetrievalFigure, Table, TableColumn, TableRow, seed_name
from motionfit.config.training import (
    Augmentation,
    FineTuning,
    Mars,
    Precision,
    SelfTraining,
    Training,
)
from motionfit.config.values import Size
from motionfit.config.whole import Config
