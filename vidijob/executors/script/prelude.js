// What a script finds besides the language: job, logger, api. The host's one function takes and answers JSON; everything
// here runs with the script, inside its limits, and holds nothing that the script may not have.
(function (host) {
  "use strict";

  const ask = (what, ...given) => JSON.parse(host(what, JSON.stringify(given)));
  const text = (value) => (Array.isArray(value) ? value.map(String).join(",") : String(value));
  const words = (value) => (value === undefined || value === null ? "" : text(value));

  const job = {
    getId: () => ask("id"),
    getUser: () => ask("user"),
    getStepId: () => ask("step"),
    log: (description) => ask("log", words(description)),
    getKeys: () => ask("keys"),
    containsKey: (key) => ask("has", text(key)),
    getData: (key) => ask("get", text(key)),
    getDataOrDefault: (key, value) => (ask("has", text(key)) ? ask("get", text(key)) : value),
    setData: (key, value) =>
      value === undefined || value === null ? ask("delete", text(key)) : ask("set", text(key), text(value)),
    deleteData: (key) => ask("delete", text(key)),
    fail: (message) => ask("fail", words(message)),
    fatalFail: (message) => ask("fatalFail", words(message)),
    wait: (reason) => ask("wait", words(reason)),
  };

  const logger = {};
  for (const level of ["log", "trace", "debug", "info", "warn", "error"]) {
    logger[level] = (...messages) => ask("logger", level, messages.map(words).join(" "));
  }

  const media = { json: "application/json", xml: "application/xml", text: "text/plain" };
  const mediaType = (type) => media[type] || text(type);

  // Each call answers a new one with something added; get, put, post and delete send it.
  const request = (asked) => {
    const add = (more) => request({ ...asked, ...more });
    const send = (method) => () => {
      const answer = ask("api", { ...asked, method });
      if (answer.error !== undefined || answer.status >= 400) {
        const error = new Error(answer.error || `${method} ${asked.path.join("/")} answered ${answer.status}: ${answer.body}`);
        error.status = answer.status;
        error.response = answer.body;
        throw error;
      }
      return answer.type === media.json && answer.body !== "" ? JSON.parse(answer.body) : answer.body;
    };
    return {
      path: (path) => add({ path: [...asked.path, text(path)] }),
      queryParam: (key, value) => add({ query: [...asked.query, [text(key), text(value)]] }),
      header: (key, value) => add({ headers: [...asked.headers, [text(key), text(value)]] }),
      dataType: (type) => add({ accept: mediaType(type) }),
      input: (body, type) =>
        add(
          typeof body === "string"
            ? { body, type: type === undefined ? media.text : mediaType(type) }
            : { body: JSON.stringify(body), type: type === undefined ? media.json : mediaType(type) },
        ),
      user: (name, password) => add({ user: text(name), password: password === undefined ? null : text(password) }),
      timeout: (milliseconds) => add({ timeout: Number(milliseconds) }),
      get: send("GET"),
      put: send("PUT"),
      post: send("POST"),
      delete: send("DELETE"),
    };
  };

  const api = request({ path: [], query: [], headers: [], accept: media.json, body: null, type: null, user: null });

  for (const [name, value] of Object.entries({ job, logger, api })) {
    Object.defineProperty(globalThis, name, { value: Object.freeze(value), enumerable: true });
  }
})
