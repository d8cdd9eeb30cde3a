//! Budgets, rates and tariffs.

use super::{NoAnswer, Queries};
use if_schemas::query::{BudgetRow, BudgetsAnswer, PriceRow, RatesAnswer, TariffAnswer, TariffQuery, WindowRow};

impl Queries {
    pub(super) fn budgets(&self) -> Result<BudgetsAnswer, NoAnswer> {
        let money = self.shared.view.load().money.clone();
        let rows = money.budgets.accounts().map(|account| BudgetRow {
            budget: account.budget().clone(),
            available: account.available(),
            reserved: account.reserved(),
            posted: account.posted(),
            window: account.window().map(|w| WindowRow { start: w.start, end: w.end }),
            alerted: account.alerted(),
            entry: account.generation(),
        });
        Ok(BudgetsAnswer { reporting: money.book.reporting(), budgets: rows.collect() })
    }

    pub(super) fn rates(&self) -> Result<RatesAnswer, NoAnswer> {
        let money = self.shared.view.load().money.clone();
        let prices = money.book.prices();
        let prices = prices.map(|p| PriceRow { price: p.price.clone(), version: p.version(), entry: p.index });
        let (reporting, rates) = (money.book.reporting(), money.book.rates().cloned().collect());
        Ok(RatesAnswer { reporting, rates, prices: prices.collect() })
    }

    pub(super) fn tariff(&self, q: &TariffQuery) -> Result<TariffAnswer, NoAnswer> {
        self.presence.tariff(&q.provider, &q.instance).ok_or_else(|| {
            let text = format!("no live worker has told what {}/{} costs", q.provider, q.instance);
            NoAnswer::new(text, "see `ifctl node list`; a worker that was started a moment ago tells it at once")
        })
    }
}
