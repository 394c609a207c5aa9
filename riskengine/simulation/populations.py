"""All populations, and their shares of the clients that come."""

from riskengine.simulation.helpful_bots import crawler, monitor
from riskengine.simulation.population import Population, from_the_start
from riskengine.simulation.prober import prober
from riskengine.simulation.scalper import before_the_sale, scalper
from riskengine.simulation.scrapers import (
    scraper_distributed,
    scraper_fast,
    scraper_headless,
    scraper_slow,
)
from riskengine.simulation.shopper import shopper
from riskengine.simulation.stuffer import stuffer

POPULATIONS = (
    Population("shopper", bad=False, share=0.73, act=shopper),
    Population("crawler", bad=False, share=0.03, act=crawler),
    Population("monitor", bad=False, share=0.01, act=monitor, arrive=from_the_start),
    Population("scraper-fast", bad=True, share=0.03, act=scraper_fast),
    Population("scraper-slow", bad=True, share=0.05, act=scraper_slow),
    Population("scraper-distributed", bad=True, share=0.02, act=scraper_distributed),
    Population("scraper-headless", bad=True, share=0.02, act=scraper_headless),
    Population("scalper", bad=True, share=0.05, act=scalper, arrive=before_the_sale),
    Population("stuffer", bad=True, share=0.02, act=stuffer),
    Population("prober", bad=True, share=0.04, act=prober),
)
