// Runs after each request of the collection.
const most = 30; // tries of a request whose row is on its way
const answer = pm.response.text() ? pm.response.json() : {};
const tries = Number(pm.variables.get("tries") || 0);

if (answer.code === "not_stored_yet" && tries < most) {
  // The number is known and the row not stored: the same request, a little later.
  pm.collectionVariables.set("tries", tries + 1);
  setTimeout(() => pm.execution.setNextRequest(pm.info.requestName), 1000 * pm.response.headers.get("Retry-After"));
} else {
  pm.collectionVariables.unset("tries");
  const expected = pm.variables.get("expected");
  pm.test(`${expected.status} ${expected.type}`, () => {
    pm.response.to.have.status(expected.status);
    const type = pm.response.headers.get("Content-Type") || "";
    pm.expect(type.split(";")[0]).to.equal(expected.type);
  });
  pm.test("has a request id", () => pm.response.to.have.header("X-Request-Id"));
  if (pm.response.code === 201) {
    const made = { ...answer, ...answer.data };
    for (const name of ["app_token", "chat_number", "message_number"]) {
      if (made[name] !== undefined) pm.collectionVariables.set(name, made[name]);
    }
  }
}
