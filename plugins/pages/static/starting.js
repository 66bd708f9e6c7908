/**
 * A run that a panel offers → a request to Airflow's own API, as the person who is signed in: their right decides.
 *
 * The browser sends Airflow's session cookie, which is `HttpOnly` and `SameSite=Lax`: this script cannot read it, and no
 * page of another site has it sent. Our own server has no part in this, and no right.
 */

/** Airflow's first run after a start takes it a minute on a busy machine. */
const PATIENCE = 120_000

/** Start a run; return what became of it: `tone`, `sentence`, and of a run that was started its `airflow` page. */
export const start = async ({ dag, conf }) => {
  try {
    const answer = await fetch(`../api/v2/dags/${encodeURIComponent(dag)}/dagRuns`, {
      method: "POST",
      headers: { Accept: "application/json", "Content-Type": "application/json" },
      // Null is a run without a data interval; the field must be there.
      body: JSON.stringify({ logical_date: null, conf }),
      signal: AbortSignal.timeout(PATIENCE),
    })
    const body = await answer.json().catch(() => ({}))
    return answer.ok ? await started(dag, body.dag_run_id) : { tone: "broken", sentence: refusal(dag, answer.status, body) }
  } catch (error) {
    const late = error.name === "TimeoutError"
    return { tone: "broken", sentence: `${late ? "Airflow did not answer in time" : "Airflow cannot be reached"}: look at the runs of ${dag} before you try again.` }
  }
}

const started = async (dag, run) => {
  const about = await fetch(`../api/v2/dags/${encodeURIComponent(dag)}`, { headers: { Accept: "application/json" } })
  const paused = about.ok && (await about.json()).is_paused
  return {
    tone: "info",
    sentence: paused ? `A run is there, and waits: ${dag} is paused. Unpause it on its page.` : `A run of ${dag} was started.`,
    airflow: paused ? `dags/${dag}` : `dags/${dag}/runs/${encodeURIComponent(run)}`,
  }
}

const refusal = (dag, status, { detail }) => {
  if (status === 401) return "You are signed out: sign in to Airflow again, and reload this page."
  if (status === 403) return `You may not start runs of ${dag}: ask somebody who may edit its runs.`
  if (status === 404) return `This Airflow has no DAG ${dag}: deploy it, and reload this page.`
  return `Airflow refused (${status})${typeof detail === "string" ? `: ${detail}` : ", and does not say why: see the log of its API server"}`
}
