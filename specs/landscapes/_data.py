"""What landscapes made of data share: a mean loss over samples, weights that are kept small, and data that fit the loss."""

import dataclasses
from typing import ClassVar

from pydantic import model_validator

from ..base import NonNegative
from ..data import Data
from ..errors import SpecError
from ..sweep import Swept
from ._program import TensorFormula
from ._tensor_landscape import TensorLandscape

MAX_CLASSES = 1000


class DataLandscape(TensorLandscape):
    """Base: a mean over the samples, plus l2/2 times the sum of squared weights (biases excluded).

    Observables whose name begins with test_ are there if the data have a test part.
    """

    data: Data
    l2: Swept[NonNegative] = 0.0

    classes_needed: ClassVar[int | None] = None

    @model_validator(mode="after")
    def _loads(self):
        self._dataset = found = self.data.load()
        count, name = len(found.classes), self.data.file or self.data.builtin
        if not self.labels_are_classes:
            if found.labelled:
                word = next(label for label in (*found.classes[::-1], "") if not label.isdecimal())
                raise SpecError(f"{name}: y holds text labels such as '{word[:40]}'; the loss mse needs numbers")
        elif not count:
            raise SpecError(f"{name}: y must hold one class per sample (whole numbers or labels); it holds other numbers")
        elif count < 2 or count > MAX_CLASSES or count != (self.classes_needed or count):
            raise SpecError(f"{name}: y has {count} classes; {self.kind} needs {self.classes_needed or f'2 to {MAX_CLASSES}'}")
        return self

    @property
    def labels_are_classes(self) -> bool:
        return True

    def definition(self) -> TensorFormula:
        made = super().definition()
        tested = self._dataset is not None and len(self._dataset.x_test) > 0
        kept = {name: text for name, text in made.observables.items() if tested or not name.startswith("test_")}
        return dataclasses.replace(made, observables=kept)
