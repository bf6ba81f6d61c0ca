"""Published population models to simulate from: one file each, values as the paper prints them."""

from pkvae_core.drugs.published import (
    colin2019,
    goti2018,
    grasela1985,
    hayashi2007,
    hennig2013,
    jiao2008,
    powerlaw2026,
    rovei1982,
    savic2011,
    staatz2006,
    thomson2009,
    twosites2026,
    voller2017,
    woillard2011,
    yukawa1990,
)
from pkvae_core.drugs.published.model import PublishedModel

MODELS: dict[str, PublishedModel] = {
    module.MODEL.name: module.MODEL
    for module in (
        goti2018,
        thomson2009,
        colin2019,
        hennig2013,
        staatz2006,
        rovei1982,
        grasela1985,
        voller2017,
        savic2011,
        woillard2011,
        yukawa1990,
        jiao2008,
        twosites2026,
        powerlaw2026,
        hayashi2007,
    )
}
