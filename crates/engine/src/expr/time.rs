//! Functions of timestamps.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMillisecondType};
use arrow_array::{ArrayRef, PrimitiveArray};

use super::eval::EvalError;
use super::{DatePart, Function};
use crate::data_type::Type;
use crate::instant::{self, DAY_MS};

/// EXTRACT, date_trunc, to_timestamp and epoch_ms of one column.
pub(super) fn function(function: Function, array: &ArrayRef) -> Result<ArrayRef, EvalError> {
    type Ts = TimestampMillisecondType;
    Ok(match function {
        Function::ToTimestamp => {
            let seconds = array.as_primitive::<Float64Type>();
            Arc::new(seconds.try_unary::<_, Ts, EvalError>(|seconds| {
                let ms = (seconds * 1000.0).round();
                if ms.abs() < 9.0e18 { Ok(ms as i64) } else { Err(EvalError::out_of_range(Type::Timestamp)) }
            })?)
        }
        Function::EpochMs => Arc::new(array.as_primitive::<Ts>().unary::<_, Int64Type>(|ms| ms)),
        Function::Extract(part) if part.ty() == Type::Double => {
            let divisor = if part == DatePart::Epoch { i64::MAX } else { 60_000 };
            let seconds = |ms: i64| ms.rem_euclid(divisor) as f64 / 1000.0;
            let whole = |ms: i64| ms as f64 / 1000.0;
            let op = |ms: i64| if part == DatePart::Epoch { whole(ms) } else { seconds(ms) };
            Arc::new(array.as_primitive::<Ts>().unary::<_, Float64Type>(op))
        }
        Function::Extract(part) => Arc::new(array.as_primitive::<Ts>().unary::<_, Int64Type>(|ms| extract(part, ms))),
        Function::DateTrunc(part) => {
            let truncated: PrimitiveArray<Ts> = array.as_primitive::<Ts>().try_unary(|ms| truncate(part, ms))?;
            Arc::new(truncated)
        }
        _ => return Err(EvalError::new(format!("{} is no function of a timestamp", function.name()))),
    })
}

fn extract(part: DatePart, ms: i64) -> i64 {
    let days = ms.div_euclid(DAY_MS);
    let civil = instant::civil(ms);
    // 1970-01-01 was a Thursday.
    let monday_based = (days + 3).rem_euclid(7);
    match part {
        DatePart::Year => civil.year,
        DatePart::Quarter => i64::from(civil.month.div_ceil(3)),
        DatePart::Month => i64::from(civil.month),
        DatePart::Week => {
            // An ISO week belongs to the year of its Thursday.
            let thursday = days - monday_based + 3;
            let year = instant::civil(thursday * DAY_MS).year;
            (thursday - instant::days_of_date(year, 1, 1)) / 7 + 1
        }
        DatePart::Day => i64::from(civil.day),
        DatePart::Dow => (monday_based + 1) % 7,
        DatePart::Isodow => monday_based + 1,
        DatePart::Doy => days - instant::days_of_date(civil.year, 1, 1) + 1,
        DatePart::Hour => i64::from(civil.hour),
        DatePart::Minute => i64::from(civil.minute),
        DatePart::Milliseconds => ms.rem_euclid(60_000),
        DatePart::Second => i64::from(civil.second),
        DatePart::Epoch => ms.div_euclid(1000),
    }
}

fn truncate(part: DatePart, ms: i64) -> Result<i64, EvalError> {
    let civil = instant::civil(ms);
    let date = |year, month| instant::days_of_date(year, month, 1).checked_mul(DAY_MS);
    let floor = |unit: i64| ms.checked_sub(ms.rem_euclid(unit));
    let truncated = match part {
        DatePart::Year => date(civil.year, 1),
        DatePart::Quarter => date(civil.year, (civil.month - 1) / 3 * 3 + 1),
        DatePart::Month => date(civil.year, civil.month),
        DatePart::Week => {
            let days = ms.div_euclid(DAY_MS);
            (days - (days + 3).rem_euclid(7)).checked_mul(DAY_MS)
        }
        DatePart::Hour => floor(3_600_000),
        DatePart::Minute => floor(60_000),
        DatePart::Second => floor(1000),
        DatePart::Milliseconds => Some(ms),
        DatePart::Day | DatePart::Dow | DatePart::Isodow | DatePart::Doy | DatePart::Epoch => floor(DAY_MS),
    };
    truncated.ok_or_else(|| EvalError::out_of_range(Type::Timestamp))
}
