"use server"
import { redirect } from "next/navigation"
import { Uniflow } from "uniflow"
import { line } from "./line"

/** Begins a run, and shows it while it learns. */
export async function learn(form: FormData) {
  const handle = Uniflow.lazy().start(line, { params: { rate: Number(form.get("rate")) } })
  handle.result.catch((error: unknown) => console.error(error))
  redirect(`/uniflow/runs/${handle.id}`)
}
